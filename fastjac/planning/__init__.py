"""A graph as a chain of factors, and the cheapest order in which to multiply them."""
