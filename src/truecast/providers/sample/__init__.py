"""Real market data that travels with the product."""
