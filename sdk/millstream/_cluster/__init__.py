"""The API server of a cluster, as commands and clients use it.

`connection` finds it as kubectl does, `cluster` reads and writes its objects, and `answers` turns what it refuses into
exceptions with a sentence that says what to do. Only here is the `kubernetes` package used, which is slow to import and
an extra.
"""
