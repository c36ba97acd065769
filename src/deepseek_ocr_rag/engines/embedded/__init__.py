"""The embedded engine, as it runs inside the worker process; :mod:`.reading` is its way in.

Nothing is imported here: what remote engines need of it must not bring the layout model along, which loads slowly.
"""
