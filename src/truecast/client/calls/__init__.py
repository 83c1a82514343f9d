"""The calls of the API, by area.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""
