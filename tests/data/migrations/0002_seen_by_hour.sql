INSERT INTO seen (source_id, hour, from_s, to_s, claimed_day, hashes) VALUES
    (1, 495295, 1783062000, 1783062030, 20637, x'0123456789ABCDEF8FB5A1C2D3E4F506');
