"""x"""
def filled(old, results): return old
