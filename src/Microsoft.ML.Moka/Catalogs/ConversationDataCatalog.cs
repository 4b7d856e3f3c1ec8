using Microsoft.ML.Moka;
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

    // Cursors read at the same time, and again: an iterator gives each an enumeration of its own.
    private static IEnumerable<ConversationRow> Rows(string path)
    {
        foreach (var row in JsonRows.Read(path))
            yield return new ConversationRow { Messages = ConversationJson.Write(ConversationJson.Read(row.Fields)) };
    }
}
