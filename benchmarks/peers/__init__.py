"""The measured libraries, a module each: the client, and one request for a task.

A module is imported in the process that measures it and imports its library only when it creates a
client. It has `call(url)` and `acall(url)`, which create a client with the library's defaults and
return a function that sends one request; `client(url)` creates and closes one; `IMPORT` is the
statement that users begin with. A library that is not installed raises ModuleNotFoundError. A
module for one special use has only the functions for that.
"""
