-- The triggers of each table, written as pg_get_triggerdef returns them, so that a test can compare them.
-- `make baseline` takes from here the guards that an integrity check expects.
-- Each function sets its search_path, so that it reads these tables and not temporary ones of the same name.

CREATE TRIGGER accounts_are_immutable BEFORE DELETE OR UPDATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_are_never_emptied BEFORE TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER agreement_coverages_are_immutable BEFORE DELETE OR UPDATE ON agreement_coverages
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agreement_coverages_are_never_emptied BEFORE TRUNCATE ON agreement_coverages
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agreement_versions_are_immutable BEFORE DELETE OR UPDATE ON agreement_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agreement_versions_are_never_emptied BEFORE TRUNCATE ON agreement_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER maintenance_windows_are_immutable BEFORE DELETE OR UPDATE ON maintenance_windows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER maintenance_windows_are_never_emptied BEFORE TRUNCATE ON maintenance_windows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER manual_matches_are_immutable BEFORE DELETE OR UPDATE ON manual_matches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER manual_matches_are_never_emptied BEFORE TRUNCATE ON manual_matches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER analytics_snapshots_are_immutable BEFORE DELETE OR UPDATE ON analytics_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER analytics_snapshots_are_never_emptied BEFORE TRUNCATE ON analytics_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_entries_are_immutable BEFORE DELETE OR UPDATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entries_are_never_emptied BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER balances_are_never_deleted BEFORE DELETE ON balances
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER balances_are_never_emptied BEFORE TRUNCATE ON balances
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER balances_keep_their_floor AFTER INSERT OR UPDATE ON balances
    FOR EACH ROW EXECUTE FUNCTION check_floor();

CREATE TRIGGER breaks_are_never_deleted BEFORE DELETE ON breaks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER breaks_are_never_emptied BEFORE TRUNCATE ON breaks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER breaks_stay_closed BEFORE UPDATE ON breaks
    FOR EACH ROW EXECUTE FUNCTION refuse_reopening();

CREATE TRIGGER chain_cursor_is_never_emptied BEFORE DELETE OR TRUNCATE ON chain_cursor
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_cursor_only_goes_on BEFORE UPDATE ON chain_cursor
    FOR EACH ROW
    WHEN (new.ledger < old.ledger OR new.first_ledger <> old.first_ledger OR new.passphrase::text <> old.passphrase::text)
    EXECUTE FUNCTION refuse_change();

CREATE TRIGGER chain_gaps_are_never_emptied BEFORE DELETE OR TRUNCATE ON chain_gaps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_gaps_only_grow BEFORE UPDATE ON chain_gaps
    FOR EACH ROW
    WHEN (new.last_ledger < old.last_ledger OR new.first_ledger <> old.first_ledger)
    EXECUTE FUNCTION refuse_change();

CREATE TRIGGER chain_transfers_are_immutable BEFORE DELETE OR UPDATE ON chain_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_transfers_are_never_emptied BEFORE TRUNCATE ON chain_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER break_resolutions_are_immutable BEFORE DELETE OR UPDATE ON break_resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_resolutions_are_never_emptied BEFORE TRUNCATE ON break_resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER entries_are_immutable BEFORE DELETE OR UPDATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_are_never_emptied BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_are_noted AFTER INSERT ON entries
    FOR EACH ROW
    WHEN (new.kind::text = ANY (ARRAY['accrual'::text, 'reversal'::text, 'correction'::text]))
    EXECUTE FUNCTION note_entry();
CREATE CONSTRAINT TRIGGER entry_has_postings AFTER INSERT ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_has_postings();

CREATE TRIGGER envelopes_are_immutable BEFORE DELETE OR UPDATE ON envelopes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER envelopes_are_never_emptied BEFORE TRUNCATE ON envelopes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER events_are_immutable BEFORE DELETE OR UPDATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_are_never_emptied BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER outages_are_noted AFTER INSERT ON outages
    FOR EACH ROW EXECUTE FUNCTION note_outage_change();
CREATE TRIGGER outages_are_noted_again AFTER UPDATE ON outages
    FOR EACH ROW
    WHEN (old.status::text IS DISTINCT FROM new.status::text OR old.severity::text IS DISTINCT FROM new.severity::text OR old.site_id::text IS DISTINCT FROM new.site_id::text OR old.site_name::text IS DISTINCT FROM new.site_name::text OR old.detected_at IS DISTINCT FROM new.detected_at OR old.resolved_at IS DISTINCT FROM new.resolved_at)
    EXECUTE FUNCTION note_outage_change();

CREATE TRIGGER payment_is_attested BEFORE INSERT ON payments
    FOR EACH ROW EXECUTE FUNCTION check_payment_is_attested();
CREATE TRIGGER payments_are_never_deleted BEFORE DELETE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payments_are_never_emptied BEFORE TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payments_keep_their_terms BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION refuse_new_terms();

CREATE TRIGGER policies_are_immutable BEFORE DELETE OR UPDATE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policies_are_never_emptied BEFORE TRUNCATE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_balances();
CREATE TRIGGER postings_are_immutable BEFORE DELETE OR UPDATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_are_never_emptied BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER restorations_are_immutable BEFORE DELETE OR UPDATE ON restorations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER restorations_are_never_emptied BEFORE TRUNCATE ON restorations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER sla_results_are_immutable BEFORE DELETE OR UPDATE ON sla_results
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sla_results_are_never_emptied BEFORE TRUNCATE ON sla_results
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER sla_results_are_noted AFTER INSERT ON sla_results
    FOR EACH ROW EXECUTE FUNCTION note_verdict();

CREATE TRIGGER submissions_are_immutable BEFORE DELETE OR UPDATE ON submissions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER submissions_are_never_emptied BEFORE TRUNCATE ON submissions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
