"""What models see: frames of bars known at a moment, and columns computed from them."""
