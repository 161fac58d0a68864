x: int = 'a'
