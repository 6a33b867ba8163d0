"""The files that `mmzoo plugins new` writes, with made-up names in place of the author's.

`acme-part` is the distribution and the component, `acme_part` the package, `AcmePart` the class. The parts are code
like any other here: checked by mypy and ruff, and held to their contracts once they are written and installed. They are
never imported from this place.
"""
