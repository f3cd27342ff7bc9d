//! What the schema of a NodeENI says about several fields at once, and about the inside of maps: what derives have no words for.

use crate::declared::limits::{MOST_TAGS, TAG_VALUE, pattern};
use serde_json::{Value, json};

/// Adds them to the schema of `spec`.
pub(super) fn add(spec: &mut Value) {
    spec["allOf"] = json!([
        { "anyOf": [
            { "required": ["nodeSelector"] },
            { "required": ["nodeSelectorExpressions"], "properties": { "nodeSelectorExpressions": { "minItems": 1 } } },
        ] },
        { "anyOf": [
            { "required": ["subnetID"], "properties": { "subnetID": { "minLength": 1 } } },
            { "required": ["subnetIDs"], "properties": { "subnetIDs": { "minItems": 1 } } },
            { "required": ["subnetName"], "properties": { "subnetName": { "minLength": 1 } } },
            { "required": ["subnetNames"], "properties": { "subnetNames": { "minItems": 1 } } },
        ] },
        { "anyOf": [
            { "required": ["securityGroupIDs"], "properties": { "securityGroupIDs": { "minItems": 1 } } },
            { "required": ["securityGroupNames"], "properties": { "securityGroupNames": { "minItems": 1 } } },
        ] },
    ]);
    let fields = &mut spec["properties"];
    fields["nodeSelector"]["additionalProperties"] = json!({ "type": "string", "pattern": pattern::LABEL_VALUE });
    fields["tags"]["maxProperties"] = json!(MOST_TAGS);
    fields["tags"]["additionalProperties"] = json!({ "type": "string", "maxLength": TAG_VALUE });
    fields["nodeSelectorExpressions"]["items"]["oneOf"] = json!([
        {
            "required": ["values"],
            "properties": { "operator": { "enum": ["In", "NotIn"] }, "values": { "minItems": 1 } },
        },
        { "properties": { "operator": { "enum": ["Exists", "DoesNotExist"] }, "values": { "maxItems": 0 } } },
    ]);
    // The original's documents call a field so that it does not have: what is not in the schema, the API server takes away
    // without a word, and the agents could not say what is meant.
    fields["dpdkEnabled"] = json!({
        "type": "boolean",
        "description": "Is no field of a NodeENI; enableDPDK is. One with it is not valid.",
    });
}
