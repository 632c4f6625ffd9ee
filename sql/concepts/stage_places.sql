-- Title:   Places of the stages in a number that counts by rank
-- Meaning: A number can hold five counts, by powers of 4096 (see concepts.session_progress). Here
--          is the power that the sessions of each stage take under an order, by its rank, so that
--          a number that counts by stage can be turned into one that counts by rank.
-- Grain:   one row for each order
-- Reads:   protocol.stage_order
-- Source:  study protocol, "orders"
WITH places AS (
    SELECT
        order_number,
        stage,
        CASE stage_rank
            WHEN 1 THEN 1
            WHEN 2 THEN 4096
            WHEN 3 THEN 16777216
            WHEN 4 THEN 68719476736
            ELSE 281474976710656
        END AS place
    FROM protocol.stage_order
)

SELECT
    order_number,
    max(CASE stage WHEN 1 THEN place END) AS place_1,
    max(CASE stage WHEN 2 THEN place END) AS place_2,
    max(CASE stage WHEN 3 THEN place END) AS place_3,
    max(CASE stage WHEN 4 THEN place END) AS place_4,
    max(CASE stage WHEN 5 THEN place END) AS place_5
FROM places
GROUP BY order_number
