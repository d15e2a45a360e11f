"""Where the service is, as the contract says"""

SERVERS: tuple[str, ...] = (
    "https://api.chainhub.tech",
)
