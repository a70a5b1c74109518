SELECT rootpage FROM sqlite_master WHERE name = 'chunk'
