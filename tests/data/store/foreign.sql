CREATE TABLE address_book (name TEXT NOT NULL);
INSERT INTO address_book (name) VALUES ('somebody');
