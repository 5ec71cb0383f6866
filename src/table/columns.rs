//! Columns of tables. A table is a list of columns: what is written, described, compared and documented follows from it.

use crate::space::Position;

/// In what the numbers of a column are. Summaries describe columns in the order of their units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// The spacing's.
    Length,
    /// The square of the spacing's.
    Area,
    /// The cube of the spacing's.
    Volume,
    /// That of the image's values.
    Image,
    /// Voxels.
    Voxels,
    /// None: numbers without a unit, names and classes.
    None,
}

/// How the values of a column follow from a record, and with that of which type they are.
#[non_exhaustive]
pub enum Value<R> {
    /// A whole number.
    Whole(fn(&R) -> i64),
    /// A finite number.
    Number(fn(&R) -> f64),
    /// A finite number, or nothing where it would have no meaning.
    Optional(fn(&R) -> Option<f64>),
    /// Yes or no.
    Flag(fn(&R) -> bool),
    /// A voxel: a column of whole numbers for each axis of the image.
    Voxel(fn(&R) -> Position),
    /// A point: a column of numbers for each axis of the image.
    Point(fn(&R) -> [f64; 3]),
}

/// A column of a table whose rows are records `R`.
pub struct Column<R> {
    /// Its name; where there is a column for each axis, what `_0`, `_1` and `_2` follow.
    pub name: &'static str,
    /// The unit of its numbers.
    pub unit: Unit,
    /// What it says, in a few words of Markdown.
    pub meaning: &'static str,
    /// Whether statistics describe it.
    pub is_described: bool,
    /// Whether its values are numbers of rows or voxels, which depend on others: they are left out where rows are compared.
    pub is_rank: bool,
    /// How its values follow from a record.
    pub value: Value<R>,
}

/// The first line of a table with these columns of text, without its end.
pub fn header(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(",")
}

/// A column of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Which texts are values.
    pub form: Form,
    /// Whether it is left out where rows are compared.
    pub is_rank: bool,
}

/// Which texts are values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// Numbers, and nothing.
    Optional,
    /// `True` and `False`.
    Flag,
}

impl Form {
    /// Whether a text is a value.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Form::Whole | Form::Number => text.parse::<f64>().is_ok(),
            Form::Optional => text.is_empty() || text.parse::<f64>().is_ok(),
            Form::Flag => text == "True" || text == "False",
        }
    }
}

impl<R> Column<R> {
    /// A column that statistics do not describe.
    pub const fn new(name: &'static str, unit: Unit, meaning: &'static str, value: Value<R>) -> Self {
        Column { name, unit, meaning, is_described: false, is_rank: false, value }
    }

    /// A column of ranks: whole numbers that depend on other rows.
    pub const fn rank(name: &'static str, meaning: &'static str, value: Value<R>) -> Self {
        Column { name, unit: Unit::None, meaning, is_described: false, is_rank: true, value }
    }

    /// The same column, which statistics describe.
    ///
    /// # Panics
    /// If its values are no numbers.
    #[must_use]
    pub const fn described(mut self) -> Self {
        assert!(matches!(self.value, Value::Whole(_) | Value::Number(_) | Value::Optional(_)), "numbers are described");
        self.is_described = true;
        self
    }

    /// The number that statistics count for a record, if there is one.
    pub fn number(&self, record: &R) -> Option<f64> {
        match self.value {
            Value::Whole(of) => Some(of(record) as f64),
            Value::Number(of) => Some(of(record)),
            Value::Optional(of) => of(record),
            Value::Flag(_) | Value::Voxel(_) | Value::Point(_) => None,
        }
    }

    /// Which texts its values are written as.
    pub fn form(&self) -> Form {
        match self.value {
            Value::Whole(_) | Value::Voxel(_) => Form::Whole,
            Value::Number(_) | Value::Point(_) => Form::Number,
            Value::Optional(_) => Form::Optional,
            Value::Flag(_) => Form::Flag,
        }
    }

    /// The columns of text that it makes, for images of 2 or 3 dimensions.
    pub fn fields(&self, dimensions: usize) -> impl Iterator<Item = Field> + use<R> {
        let (name, form, is_rank) = (self.name, self.form(), self.is_rank);
        let by_axis = matches!(self.value, Value::Voxel(_) | Value::Point(_));
        (0..if by_axis { dimensions } else { 1 }).map(move |axis| {
            let name = if by_axis { format!("{name}_{axis}") } else { name.to_owned() };
            Field { name, form, is_rank }
        })
    }
}

impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

impl<R> Clone for Value<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Value<R> {}

impl<R> std::fmt::Debug for Column<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("name", &self.name).field("unit", &self.unit).finish_non_exhaustive()
    }
}

impl<R> std::fmt::Debug for Value<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value")
    }
}
