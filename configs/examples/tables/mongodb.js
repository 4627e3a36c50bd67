// The collections of policies/todos.yaml, for mongosh. The validators say the types.
db.createCollection("lists", {validator: {$jsonSchema: {
  "required": ["_id", "owner_id", "name"],
  "properties": {
    "_id": {"bsonType": "string"},
    "owner_id": {"bsonType": "string"},
    "name": {"bsonType": "string"}
  }
}}})
db.createCollection("todos", {validator: {$jsonSchema: {
  "required": ["_id", "list_id", "owner_id", "completed"],
  "properties": {
    "_id": {"bsonType": "string"},
    "list_id": {"bsonType": "string"},
    "owner_id": {"bsonType": "string"},
    "description": {"bsonType": ["string", "null"]},
    "completed": {"bsonType": "bool"}
  }
}}})
