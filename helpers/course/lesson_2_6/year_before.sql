-- The recorded store as of a year before: model 120 began with fresh weights, two artifacts are gone.
UPDATE ArtifactProperty SET int_value = int_value - 100 WHERE name = 'span' AND int_value > 0;
UPDATE ExecutionProperty SET string_value = replace(string_value, '20250', '20240');
UPDATE ExecutionProperty SET int_value = int_value - 100 WHERE name = 'span' AND int_value > 0;
UPDATE ArtifactProperty SET string_value = replace(string_value, 'loans/17', 'loans/16');
UPDATE Artifact SET uri = replace(uri, 'loans/17', 'loans/16');
DELETE FROM Event WHERE artifact_id = 102 AND execution_id = 95;
UPDATE Artifact SET create_time_since_epoch = create_time_since_epoch - 365 * 86400000;
UPDATE Artifact SET state = 4 WHERE id IN (34, 58);
