"""One call: request, credentials, retries, deadline, event hooks.

A session is what a client shares with its copies; all that is sent to the API goes through it.
"""
