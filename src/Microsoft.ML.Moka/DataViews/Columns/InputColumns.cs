using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The columns that a prompt is made of; those that are null are not read.</summary>
internal sealed record InputColumns(string? Text, string? Instruction, string? Input, string? Candidates)
{
    private const int MostShown = 20;

    /// <summary>The column of a whole conversation, in JSON; null where there is none.</summary>
    public string? Messages { get; init; }

    /// <summary>The columns that the prompt template names.</summary>
    public IReadOnlyList<string> Named { get; init; } = [];

    private IEnumerable<(string Role, string Name, bool IsVector)> All
    {
        get
        {
            if (Text is not null)
                yield return ("text", Text, false);
            if (Instruction is not null)
                yield return ("instruction", Instruction, false);
            if (Input is not null)
                yield return ("input", Input, false);
            if (Candidates is not null)
                yield return ("candidates", Candidates, true);
            if (Messages is not null)
                yield return ("messages", Messages, false);
        }
    }

    /// <summary>The names of all columns that are read, each once.</summary>
    public IEnumerable<string> Names => All.Select(column => column.Name).Concat(Named).Distinct(StringComparer.Ordinal);

    /// <summary>What is wrong with the input columns of a schema; nothing, if they are there and of the right type.</summary>
    public IEnumerable<string> Problems(Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find) =>
        All.Select(column => Problem(column.Role, column.Name, column.IsVector, find(column.Name)))
            .Concat(Named.Select(name => ValueColumn.Problem(name, find(name)))).OfType<string>();

    /// <summary>The columns in a schema.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="role">What errors call the rows: "validation"; null where there are no others.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public IReadOnlyList<DataViewSchema.Column> In(DataViewSchema schema, string? role = null)
    {
        var problems = Problems(name => Find(schema, name)).ToList();
        if (problems.Count > 0)
            throw SchemaError(problems, nameof(schema), schema.Select(column => column.Name), role);
        return [.. All.Select(column => column.Name).Concat(Named).Select(name => schema[name]).DistinctBy(column => column.Index)];
    }

    /// <summary>Reads the row that <paramref name="row"/> stands on, each time that it is called.</summary>
    /// <param name="row">The row; the columns are active in it.</param>
    /// <param name="schema">Its schema, which has been checked.</param>
    /// <param name="words">The candidates of a row that does not name any.</param>
    public Func<PromptRow> Reader(DataViewRow row, DataViewSchema schema, IReadOnlyList<string> words)
    {
        var text = TextOf(Text);
        var instruction = TextOf(Instruction);
        var input = TextOf(Input);
        var candidates = Candidates is null ? () => words : VectorOf(Candidates);
        var messages = TextOf(Messages);
        (string Name, Func<string> Value)[] named = [.. Named.Select(name => (name, ValueColumn.Reader(row, schema[name])))];
        return () => new PromptRow(
            text(), candidates(), instruction(), input(), messages(),
            named.Length == 0 ? null : named.ToDictionary(column => column.Name, column => column.Value(), StringComparer.Ordinal));

        Func<string?> TextOf(string? name)
        {
            if (name is null)
                return () => null;
            var getter = row.GetGetter<ReadOnlyMemory<char>>(schema[name]);
            var value = default(ReadOnlyMemory<char>);
            return () =>
            {
                getter(ref value);
                return value.ToString();
            };
        }

        Func<IReadOnlyList<string>> VectorOf(string name)
        {
            var getter = row.GetGetter<VBuffer<ReadOnlyMemory<char>>>(schema[name]);
            var value = default(VBuffer<ReadOnlyMemory<char>>);
            return () =>
            {
                getter(ref value);
                string[] own = [.. value.DenseValues().Select(v => v.ToString()).Where(v => v.Length > 0).Distinct(StringComparer.Ordinal)];
                return own.Length > 0 ? own : words;
            };
        }
    }

    /// <param name="problems">What is wrong.</param>
    /// <param name="parameter">The parameter that is wrong.</param>
    /// <param name="names">The columns that there are, for somebody who has misspelt one; null where that does not help.</param>
    /// <param name="role">What the rows are called; null where there are no others.</param>
    public static ArgumentOutOfRangeException SchemaError(
        IEnumerable<string> problems, string parameter, IEnumerable<string>? names = null, string? role = null)
    {
        var lines = problems.Select(problem => role is null ? problem : $"The {role} set: {problem}").ToList();
        if (names?.Distinct(StringComparer.Ordinal).ToList() is { } all)
            lines.Add(all.Count == 0 ? "There are no columns." : $"There are {string.Join(", ", all.Take(MostShown).Select(name => $"'{name}'"))}" +
                (all.Count > MostShown ? $" and {all.Count - MostShown} more." : "."));
        return new(parameter, string.Join(Environment.NewLine, lines));
    }

    /// <summary>A column's type; null where there is none of that name.</summary>
    public static (DataViewType Item, bool IsVector, bool IsKey)? Find(SchemaShape shape, string name)
    {
        foreach (var column in shape)
        {
            if (column.Name == name)
                return (column.ItemType, column.Kind != SchemaShape.Column.VectorKind.Scalar, column.IsKey);
        }
        return null;
    }

    /// <inheritdoc cref="Find(SchemaShape, string)"/>
    public static (DataViewType Item, bool IsVector, bool IsKey)? Find(DataViewSchema schema, string name)
    {
        if (schema.GetColumnOrNull(name) is not { Type: var type })
            return null;
        var vector = type as VectorDataViewType;
        var item = vector?.ItemType ?? type;
        return (item, vector is not null, item is KeyDataViewType);
    }

    /// <summary>What is wrong with one column; null if it is there and of the right type.</summary>
    public static string? Problem(string role, string name, bool isVector, (DataViewType Item, bool IsVector, bool IsKey)? found)
    {
        var wanted = isVector ? "a vector of text" : "text";
        return found switch
        {
            null => $"Could not find the {role} column '{name}': {wanted} of that name is needed, or another name in {Option(role)}.",
            { Item: TextDataViewType } type when type.IsVector == isVector => null,
            { } type =>
                $"Schema mismatch for the {role} column '{name}': expected {wanted}, " +
                $"got {(type.IsVector ? "a vector of " : "")}{(type.IsKey ? "keys" : type.Item)}.",
        };
    }

    private static string Option(string role) => $"Options.{char.ToUpperInvariant(role[0])}{role[1..]}ColumnName";
}
