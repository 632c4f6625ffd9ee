-- Title:   Sets of stages under an order
-- Meaning: For every set of stages: the stages that an order wants completed before any of them is
--          worked (required_set), how many stages the set holds, and how many different ranks they
--          have in the order. A set is the sum of 1, 2, 4, 8 and 16 for the stages 1 to 5.
-- Grain:   one row for each order and set of stages (32 sets, the empty one among them)
-- Reads:   protocol.orders, protocol.stage_order, protocol.stage_requires
-- Source:  study protocol, "orders"
WITH digits AS (
    SELECT * FROM (VALUES (0), (1)) AS digits (digit)
),

stage_sets AS (
    SELECT
        one.digit + 2 * two.digit + 4 * three.digit + 8 * four.digit + 16 * five.digit AS stage_set,
        one.digit + two.digit + three.digit + four.digit + five.digit AS stages_count
    FROM digits AS one
    CROSS JOIN digits AS two
    CROSS JOIN digits AS three
    CROSS JOIN digits AS four
    CROSS JOIN digits AS five
),

requirements AS (
    SELECT
        stage_sets.stage_set,
        requires.order_number,
        bit_or(requires.required_bit) AS required_set
    FROM stage_sets
    INNER JOIN protocol.stage_requires AS requires
        ON (stage_sets.stage_set & requires.stage_bit) <> 0
    GROUP BY stage_sets.stage_set, requires.order_number
),

ranks AS (
    SELECT
        stage_sets.stage_set,
        orders.order_number,
        count(DISTINCT orders.stage_rank) AS ranks_count
    FROM stage_sets
    INNER JOIN protocol.stage_order AS orders
        ON (stage_sets.stage_set & orders.stage_bit) <> 0
    GROUP BY stage_sets.stage_set, orders.order_number
)

SELECT
    orders.order_number,
    stage_sets.stage_set,
    CAST(coalesce(requirements.required_set, 0) AS INTEGER) AS required_set,
    CAST(stage_sets.stages_count AS INTEGER) AS stages_count,
    CAST(coalesce(ranks.ranks_count, 0) AS INTEGER) AS ranks_count
FROM stage_sets
CROSS JOIN protocol.orders AS orders
LEFT JOIN requirements
    ON
        stage_sets.stage_set = requirements.stage_set
        AND orders.order_number = requirements.order_number
LEFT JOIN ranks
    ON stage_sets.stage_set = ranks.stage_set AND orders.order_number = ranks.order_number
ORDER BY orders.order_number, stage_sets.stage_set
