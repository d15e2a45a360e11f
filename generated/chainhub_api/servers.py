SERVERS = ("https://api.chainhub.tech",)
