-- Writes what is committed at this moment into another file, without its gaps. Reads every table once.
VACUUM INTO :path
