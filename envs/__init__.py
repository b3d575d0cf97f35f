"""Parametrised Gymnasium environments and wrappers; importing this package registers them."""
