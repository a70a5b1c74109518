UPDATE journal SET detail = 'nothing' WHERE sequence = 1
