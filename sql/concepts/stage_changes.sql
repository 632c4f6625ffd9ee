-- Title:   Stage changes of an episode
-- Meaning: How often an episode moved on: an attended session of a higher-ranked stage than the one
--          before it, by the primary order. The change has evidence when the session before it
--          says, measured or attested as the protocol counts, whether the exit of the stage left
--          was met.
-- Grain:   one row for each episode that ever moved on
-- Reads:   concepts.session_progress, protocol.parameters, protocol.stage_order
-- Source:  study definitions, "Gates"
WITH ranks AS (
    SELECT
        stages.stage,
        stages.stage_rank
    FROM protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS stages
        ON parameters.primary_order = stages.order_name
)

SELECT
    sessions.episode_key,
    CAST(count(*) AS INTEGER) AS stage_changes,
    CAST(count(CASE WHEN sessions.previous_has_exit_evidence THEN 1 END) AS INTEGER)
        AS stage_changes_with_evidence
FROM concepts.session_progress AS sessions
INNER JOIN ranks AS stage_left
    ON sessions.previous_stage = stage_left.stage
INNER JOIN ranks AS stage_entered
    ON sessions.stage = stage_entered.stage
WHERE
    sessions.previous_stage <> sessions.stage
    AND stage_entered.stage_rank > stage_left.stage_rank
GROUP BY sessions.episode_key
