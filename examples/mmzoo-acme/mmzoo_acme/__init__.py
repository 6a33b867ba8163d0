"""A worked example of a plugin: a quantizer, an encoder, a head, a dataset, and a model made of them."""
