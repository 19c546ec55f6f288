"""A program as plain data, and back: what a bundle holds of it.

Plain data is what JSON has: objects, arrays, strings, whole numbers, true and false. `write_program` and `read_program`
are each other's inverse but for spans: of these, rules keep the file, the line and the texts of their conditions, as an
explanation prints them. Reading trusts nothing: it refuses, by name, whatever no compiler writes.

An expression is the path of an attribute, or an array of a word and what belongs to it:

    "risk.score"                            an attribute; its type stands in the schema
    ["bool", true] ["int", 5] ["decimal", "0.50"] ["string", "a"] ["scope", "orders.read"]
    ["ip", "203.0.113.7"] ["time", 1772442000000] ["duration", 5000]
    ["now"] ["let", "fresh"] ["network", "office"] ["window", "desk_hours"] ["set", "desks", "string"]
    ["literals", "int", [1, 2]]             a set of literals, ascending
    ["networks", "0a0000000b000000", ""]    the breaks of a network set, IPv4 and IPv6, in hex
    ["default", X, ["int", 0]] ["known", "risk.score"] ["and", X, Y, ...] ["or", X, Y, ...] ["not", X]
    ["<=", X, Y] ["in_set", X, Y] ...       an operator of `durwan.program.operators`; the result's type follows
"""

from durwan.program.plain.form import PlainProgramError
from durwan.program.plain.reading import read_program
from durwan.program.plain.writing import write_program

__all__ = ["PlainProgramError", "read_program", "write_program"]
