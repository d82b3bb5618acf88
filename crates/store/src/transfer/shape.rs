//! What the tables look like, asked of both databases.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::TransferError;
use crate::StoreError;

/// How a column's value travels between the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `uuid`: hexadecimal.
    Identifier,
    /// `timestamptz`: microseconds since 1970.
    Moment,
    /// `jsonb`: its text.
    Document,
    /// `bytea`: hexadecimal.
    Bytes,
    /// `boolean`: 0 or 1.
    Truth,
    /// Numbers and text, as they are; the type of PostgreSQL.
    Plain(Plain),
}

/// Types whose values need no translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Text,
    Number(&'static str),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Table {
    fn join(&self, separator: &str, write: impl Fn(&Column) -> String) -> String {
        let parts: Vec<String> = self.columns.iter().map(write).collect();
        parts.join(separator)
    }

    /// Pages of rows by their row number: `row_number` and `body`, a JSON object.
    pub(super) fn select_from_sqlite(&self) -> String {
        let members = self.join(", ", |column| {
            let name = &column.name;
            let value = match column.kind {
                Kind::Identifier | Kind::Bytes => {
                    format!("CASE WHEN \"{name}\" IS NULL THEN NULL ELSE lower(hex(\"{name}\")) END")
                }
                _ => format!("\"{name}\""),
            };
            format!("'{name}', {value}")
        });
        format!(
            "SELECT rowid AS row_number, json_object({members}) AS body FROM \"{}\" WHERE rowid > ? ORDER BY rowid LIMIT ?",
            self.name
        )
    }

    /// Takes an array of such objects as `$1`.
    pub(super) fn insert_into_postgres(&self) -> String {
        let names = self.join(", ", |column| format!("\"{}\"", column.name));
        let values = self.join(", ", |column| {
            let text = format!("(body->>'{}')", column.name);
            match column.kind {
                Kind::Identifier => format!("{text}::uuid"),
                Kind::Moment => {
                    format!("timestamptz 'epoch' + {text}::bigint * interval '1 microsecond'")
                }
                Kind::Document => format!("{text}::jsonb"),
                Kind::Bytes => format!("decode({text}, 'hex')"),
                Kind::Truth => format!("{text}::boolean"),
                Kind::Plain(Plain::Text) => text,
                Kind::Plain(Plain::Number(kind)) => format!("{text}::{kind}"),
            }
        });
        format!(
            "INSERT INTO \"{}\" ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM json_array_elements($1::json) AS body",
            self.name
        )
    }

    /// Every row as `body`, the object that SQLite would write.
    pub(super) fn select_from_postgres(&self) -> String {
        let members = self.join(", ", |column| {
            let name = &column.name;
            let value = match column.kind {
                Kind::Identifier => format!("replace(\"{name}\"::text, '-', '')"),
                Kind::Moment => format!("(extract(epoch FROM \"{name}\") * 1000000)::bigint"),
                Kind::Document => format!("\"{name}\"::text"),
                Kind::Bytes => format!("encode(\"{name}\", 'hex')"),
                Kind::Truth => format!("\"{name}\"::int"),
                Kind::Plain(_) => format!("\"{name}\""),
            };
            format!("'{name}', {value}")
        });
        format!(
            "SELECT jsonb_build_object({members})::text AS body FROM \"{}\"",
            self.name
        )
    }
}

#[derive(QueryableByName)]
struct TableColumn {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Reference {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    parent: String,
}

/// The tables of both databases, each after those that it refers to.
pub(super) fn tables(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
) -> Result<Vec<Table>, TransferError> {
    let there: Vec<TableColumn> = diesel::sql_query(
        "SELECT c.table_name::text AS in_table, c.column_name::text AS name, c.udt_name::text AS kind
           FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
          WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
            AND c.table_name <> '__diesel_schema_migrations'
          ORDER BY c.table_name, c.ordinal_position",
    )
    .load(target)
    .map_err(StoreError::from)?;
    let here: Vec<TableColumn> = diesel::sql_query(
        "SELECT m.name AS in_table, c.name AS name, c.type AS kind
           FROM sqlite_master m JOIN pragma_table_info(m.name) c
          WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> '__diesel_schema_migrations'",
    )
    .load(source)
    .map_err(StoreError::from)?;
    let named = |columns: &[TableColumn]| -> HashSet<String> {
        columns
            .iter()
            .map(|c| format!("{}.{}", c.in_table, c.name))
            .collect()
    };
    if let Some(odd) = named(&here).symmetric_difference(&named(&there)).next() {
        return Err(TransferError::Schema(format!("{odd} is in one of them only")));
    }
    let mut tables: Vec<Table> = Vec::new();
    for TableColumn { in_table, name, kind } in there {
        let kind = kind_of(&kind)
            .ok_or_else(|| TransferError::Schema(format!("{in_table}.{name} has the unknown type {kind}")))?;
        let column = Column { name, kind };
        match tables.last_mut() {
            Some(table) if table.name == in_table => table.columns.push(column),
            _ => tables.push(Table {
                name: in_table,
                columns: vec![column],
            }),
        }
    }
    let references: Vec<Reference> = diesel::sql_query(
        "SELECT m.name AS in_table, f.\"table\" AS parent
           FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
    )
    .load(source)
    .map_err(StoreError::from)?;
    parents_first(tables, &references)
}

fn parents_first(tables: Vec<Table>, references: &[Reference]) -> Result<Vec<Table>, TransferError> {
    let mut parents: HashMap<&str, Vec<&str>> = HashMap::new();
    for reference in references.iter().filter(|found| found.in_table != found.parent) {
        parents
            .entry(&reference.in_table)
            .or_default()
            .push(&reference.parent);
    }
    let mut waiting = tables;
    let mut ordered: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let is_free = |table: &Table| {
            let mut parents = parents.get(table.name.as_str()).into_iter().flatten();
            parents.all(|parent| ordered.iter().any(|done| done.name == *parent))
        };
        let (free, rest): (Vec<Table>, Vec<Table>) = waiting.into_iter().partition(is_free);
        if free.is_empty() {
            return Err(TransferError::Schema(
                "tables refer to each other in a circle".to_owned(),
            ));
        }
        ordered.extend(free);
        waiting = rest;
    }
    Ok(ordered)
}

fn kind_of(postgres: &str) -> Option<Kind> {
    Some(match postgres {
        "uuid" => Kind::Identifier,
        "timestamptz" => Kind::Moment,
        "jsonb" => Kind::Document,
        "bytea" => Kind::Bytes,
        "bool" => Kind::Truth,
        "text" | "varchar" => Kind::Plain(Plain::Text),
        "int2" => Kind::Plain(Plain::Number("int2")),
        "int4" => Kind::Plain(Plain::Number("int4")),
        "int8" => Kind::Plain(Plain::Number("int8")),
        "float8" => Kind::Plain(Plain::Number("float8")),
        _ => return None,
    })
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Columns that PostgreSQL numbers by itself.
pub(super) fn numbered_columns(target: &mut PgConnection, table: &Table) -> Result<Vec<String>, StoreError> {
    let found: Vec<Name> = diesel::sql_query(
        "SELECT column_name::text AS name FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name = $1
            AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL",
    )
    .bind::<Text, _>(&table.name)
    .load(target)?;
    Ok(found.into_iter().map(|row| row.name).collect())
}
