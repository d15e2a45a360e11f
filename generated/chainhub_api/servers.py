"""Where the service is, as the contract says"""

SERVERS: tuple[str, ...] = (
    "https://api.chainhub.tech",
)

OWN_SERVERS: dict[str, str] = {}
