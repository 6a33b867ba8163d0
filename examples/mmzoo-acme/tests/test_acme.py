import numpy as np

import mmzoo
from mmzoo.testing import check_encoder, check_head, check_quantizer

SLOTS = {"encoder": {"name": "acme-squares", "dim": 6}, "quantizer": {"name": "acme-grid", "dim": 6}}


def test_the_parts_hold_their_contracts(mmzoo_plugins):
    mmzoo_plugins("mmzoo_acme.plugin")  # so that the test also runs before anything is installed
    check_quantizer("acme-grid", dim=4, levels=3)
    check_encoder("acme-squares", dim=6)
    check_head("acme-tokenizer", dim=6, slots=SLOTS)


def test_a_picture_becomes_codes_and_a_picture_again(mmzoo_plugins):
    mmzoo_plugins("mmzoo_acme.plugin")
    model = mmzoo.create("acme-pictures", pretrained=False)
    picture = mmzoo.Image(np.zeros((8, 12, 3), np.uint8))
    codes = model.tokenize(picture)
    assert codes.shape == (1, 6, 16) and int(codes.min()) >= 0 and int(codes.max()) < 5
    assert model(picture).pixels.shape == (8, 12, 3)
