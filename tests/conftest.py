"""What all tests share: matrix products keep to one thread, as in the product itself."""

import analysis  # noqa: F401 - before any test imports numpy
