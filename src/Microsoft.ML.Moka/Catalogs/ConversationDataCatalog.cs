using Microsoft.ML.Data;
using Microsoft.ML.Moka;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Generation.Conversations;

namespace Microsoft.ML;

/// <summary>Loads conversations. The rows are read from the file whenever they are asked for, one at a time.</summary>
public static class ConversationDataCatalog
{
    /// <summary>
    /// Loads conversations as <see cref="ConversationRow"/>s (column Messages): a file whose rows have <c>messages</c> with <c>role</c> and <c>content</c>, or
    /// as ShareGPT has them <c>conversations</c> with <c>from</c> and <c>value</c>. A <see cref="MokaTextGenerationTrainer"/> tunes on them with
    /// MessagesColumnName.
    /// </summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file: one JSON object a line, or a JSON array.</param>
    /// <returns>
    /// The rows. One that cannot be read, or that says what cannot be learned (a role that is not known, calls of tools, pictures), ends the enumeration with
    /// an <see cref="InvalidDataException"/> that names file, line and field.
    /// </returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static IDataView LoadConversations(this DataOperationsCatalog catalog, string path)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        return catalog.LoadFromEnumerable(Rows(Path.GetFullPath(path)));
    }

    /// <summary>
    /// Makes <see cref="ConversationRow"/>s of rows in which conversations are text as JSON has them, as a Parquet file's lists of messages are where
    /// Microsoft.ML.Moka.Datasets has loaded it: <c>mlContext.Data.LoadConversations(mlContext.Data.LoadDataset("chats.parquet"))</c>.
    /// </summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="rows">Rows with a text column messages or conversations; a text column system stands before its messages.</param>
    /// <returns>
    /// The rows. One that cannot be read, or that says what cannot be learned, ends the enumeration with an <see cref="InvalidDataException"/> that names row
    /// and field.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no column of conversations; the message lists what there is.</exception>
    public static IDataView LoadConversations(this DataOperationsCatalog catalog, IDataView rows)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(rows);
        var columns = rows.Schema
            .Where(column => !column.IsHidden && column.Type is TextDataViewType && ConversationJson.Fields.Contains(column.Name)).ToList();
        return columns.Exists(column => ConversationJson.Lists.Contains(column.Name))
            ? catalog.LoadFromEnumerable(Rows(rows, columns))
            : throw InputColumns.SchemaError(
                [$"Could not find a text column of conversations: it is called {string.Join(" or ", ConversationJson.Lists.Select(name => $"'{name}'"))}."],
                nameof(rows), rows.Schema.Select(column => column.Name));
    }

    private static IEnumerable<ConversationRow> Rows(IDataView rows, List<DataViewSchema.Column> columns)
    {
        using var cursor = rows.GetRowCursor(columns);
        var getters = columns.ConvertAll(column => (column.Name, Getter: cursor.GetGetter<ReadOnlyMemory<char>>(column)));
        var value = default(ReadOnlyMemory<char>);
        while (cursor.MoveNext())
        {
            var fields = getters.Select(column =>
            {
                column.Getter(ref value);
                return (column.Name, value.ToString());
            });
            var turns = JsonFields.Parse(ConversationJson.RowOf(fields), $"Row {cursor.Position + 1}", row => ConversationJson.Read(row));
            yield return new ConversationRow { Messages = ConversationJson.Write(turns) };
        }
    }

    // Cursors read at the same time, and again: an iterator gives each an enumeration of its own.
    private static IEnumerable<ConversationRow> Rows(string path)
    {
        foreach (var row in JsonRows.Read(path))
            yield return new ConversationRow { Messages = ConversationJson.Write(ConversationJson.Read(row.Fields)) };
    }
}
