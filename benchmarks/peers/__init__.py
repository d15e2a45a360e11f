"""Everybody who is measured, a module each: what it costs to ask once for a task.

A module is imported in the process that measures it and imports its library only when it makes a
client. It has `call(url)` and `acall(url)`, which make a client as its makers ship it and return
a function that asks once; `client(url)` makes and closes one; `IMPORT` is the statement that people
begin with. A library that is not installed raises ModuleNotFoundError. A module that is about one
way of being called has nothing but that.
"""
