"""Where requests carry the key, as the contract says"""

KEY: tuple[str, str, str] = ("header", "Authorization", "Bearer")
OTHERS: dict[str, tuple[str, str, str]] = {}
