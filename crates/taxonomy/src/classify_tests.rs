use super::*;

fn discipline(title: &str, text: &str) -> Option<Discipline> {
    Taxonomy::bundled().recognise(title, text).discipline
}
