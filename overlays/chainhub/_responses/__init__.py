"""What a response means: error bodies, strict JSON, validation against the declared types.

No input or output and no httpx: bytes and headers go in, a value or a typed error comes out.
"""
