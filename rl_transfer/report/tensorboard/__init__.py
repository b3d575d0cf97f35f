"""A study in TensorBoard: its runs in one folder tree, and a summary beside them."""
