"""The files that `mmzoo plugins new` writes, with placeholders for the author's names.

`acme-part` is the distribution and the component, `acme_part` the package, `AcmePart` the class. mypy and ruff check
these files like all others, and tests write, install and check them; they are never imported from here.
"""
