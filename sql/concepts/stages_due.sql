-- Title:   Stage due
-- Meaning: What an order has next for somebody who completed (or worked) a set of stages: the
--          lowest-ranked stage outside the set, of equal rank the lowest number. A set that holds
--          every stage has none. Sets are sums of 1, 2, 4, 8, 16 for the stages 1 to 5.
-- Grain:   one row for each order and set of stages that leaves some stage out
-- Reads:   concepts.stage_sets, protocol.stage_order
-- Source:  study definitions, "Effect: the target trial"
SELECT
    sets.order_number,
    stages.order_name,
    sets.stage_set,
    min_by(stages.stage, 10 * stages.stage_rank + stages.stage) AS stage_due
FROM concepts.stage_sets AS sets
INNER JOIN protocol.stage_order AS stages
    ON
        sets.order_number = stages.order_number
        AND (sets.stage_set & stages.stage_bit) = 0
GROUP BY sets.order_number, stages.order_name, sets.stage_set
