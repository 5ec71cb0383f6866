//! Columns of tables. A table is a list of columns, from which its text, statistics, comparisons and documentation
//! follow.

use crate::space::Position;

/// The unit of the numbers of a column. Summaries describe columns in the order of their units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// The unit of the spacing.
    Length,
    /// The square of the unit of the spacing.
    Area,
    /// The cube of the unit of the spacing.
    Volume,
    /// The unit of the image's values.
    Image,
    /// Voxels.
    Voxels,
    /// No unit: counts, names and classes.
    None,
}

/// The function from a record to the value of a column, by the type of the value.
#[non_exhaustive]
pub enum Value<R> {
    /// A whole number.
    Whole(fn(&R) -> i64),
    /// A finite number.
    Number(fn(&R) -> f64),
    /// A finite number, or `None` if it would have no meaning.
    Optional(fn(&R) -> Option<f64>),
    /// Yes or no.
    Flag(fn(&R) -> bool),
    /// A whole number of up to 64 bits, signed or not, that names something.
    Label(fn(&R) -> i128),
    /// A text.
    Text(for<'r> fn(&'r R) -> &'r str),
    /// A voxel: a column of whole numbers for each axis of the image.
    Voxel(fn(&R) -> Position),
    /// A point: a column of numbers for each axis of the image.
    Point(fn(&R) -> [f64; 3]),
    /// The same, or `None` if it would have no meaning.
    OptionalPoint(fn(&R) -> Option<[f64; 3]>),
    /// A box: a column of whole numbers for the first voxel along each axis, and then one for what comes after the last.
    Box(fn(&R) -> [Position; 2]),
}

/// A column of a table whose rows are records `R`.
pub struct Column<R> {
    /// Its name; for one column per axis, the name before `_0`, `_1` and `_2`.
    pub name: &'static str,
    /// What stands between the name and the axis: `_`, as in skan's names, or `-`, as in scikit-image's.
    pub separator: char,
    /// The unit of its numbers.
    pub unit: Unit,
    /// Its meaning, in a few words of Markdown.
    pub meaning: &'static str,
    /// Whether statistics include it.
    pub is_described: bool,
    /// Whether its values are ranks of rows or voxels. They depend on other rows, and are ignored when rows are
    /// compared.
    pub is_rank: bool,
    /// Its value for a record.
    pub value: Value<R>,
}

/// The first line of a table with these columns of text, without the newline.
pub fn header(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(",")
}

/// A column of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The form of its values.
    pub form: Form,
    /// Whether it is ignored when rows are compared.
    pub is_rank: bool,
}

/// The texts that are values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// Numbers, or nothing.
    Optional,
    /// `True` and `False`.
    Flag,
    /// Text, in quotation marks if it has a comma or a quotation mark.
    Text,
}

impl Form {
    /// Whether a text is a value of this form.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Form::Whole | Form::Number => text.parse::<f64>().is_ok(),
            Form::Optional => text.is_empty() || text.parse::<f64>().is_ok(),
            Form::Flag => text == "True" || text == "False",
            Form::Text => true,
        }
    }
}

impl<R> Column<R> {
    /// A column that statistics do not include.
    pub const fn new(name: &'static str, unit: Unit, meaning: &'static str, value: Value<R>) -> Self {
        Column { name, separator: '_', unit, meaning, is_described: false, is_rank: false, value }
    }

    /// A column of ranks: whole numbers that depend on other rows.
    pub const fn rank(name: &'static str, meaning: &'static str, value: Value<R>) -> Self {
        Column { name, separator: '_', unit: Unit::None, meaning, is_described: false, is_rank: true, value }
    }

    /// The same column, with axes after a `-`.
    #[must_use]
    pub const fn dashed(mut self) -> Self {
        self.separator = '-';
        self
    }

    /// The same column, included in statistics.
    ///
    /// # Panics
    /// If its values are not numbers.
    #[must_use]
    pub const fn described(mut self) -> Self {
        assert!(matches!(self.value, Value::Whole(_) | Value::Number(_) | Value::Optional(_)), "numbers are described");
        self.is_described = true;
        self
    }

    /// The number of a record that statistics include, if it has one.
    pub fn number(&self, record: &R) -> Option<f64> {
        match self.value {
            Value::Whole(of) => Some(of(record) as f64),
            Value::Number(of) => Some(of(record)),
            Value::Optional(of) => of(record),
            Value::Flag(_)
            | Value::Label(_)
            | Value::Text(_)
            | Value::Voxel(_)
            | Value::Point(_)
            | Value::OptionalPoint(_)
            | Value::Box(_) => None,
        }
    }

    /// The form in which its values are written.
    pub fn form(&self) -> Form {
        match self.value {
            Value::Whole(_) | Value::Label(_) | Value::Voxel(_) | Value::Box(_) => Form::Whole,
            Value::Number(_) | Value::Point(_) => Form::Number,
            Value::Optional(_) | Value::OptionalPoint(_) => Form::Optional,
            Value::Flag(_) => Form::Flag,
            Value::Text(_) => Form::Text,
        }
    }

    /// Its columns of text, for images of 2 or 3 dimensions.
    pub fn fields(&self, dimensions: usize) -> impl Iterator<Item = Field> + use<R> {
        let (name, separator, form, is_rank) = (self.name, self.separator, self.form(), self.is_rank);
        let axes = match self.value {
            Value::Voxel(_) | Value::Point(_) | Value::OptionalPoint(_) => Some(dimensions),
            Value::Box(_) => Some(2 * dimensions),
            _ => None,
        };
        (0..axes.unwrap_or(1)).map(move |axis| {
            let name = if axes.is_some() { format!("{name}{separator}{axis}") } else { name.to_owned() };
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
