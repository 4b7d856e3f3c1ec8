using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>A value of a table that is a list, as JSON.</summary>
internal static class JsonList
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The texts of a list; none where the value is missing, and null where it is no list, or holds something else.</summary>
    public static IReadOnlyList<string>? Texts(string? value) =>
        string.IsNullOrEmpty(value) ? [] : Items(value, item => item.ValueKind == JsonValueKind.String ? item.GetString() : null);

    /// <summary>The texts, numbers and truth values of a list as text; null where it is no list, or holds something else.</summary>
    public static IReadOnlyList<string>? Items(string value) => Items(value, item => item.ValueKind switch
    {
        JsonValueKind.String => item.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => item.GetRawText(),
        _ => null,
    });

    /// <summary>The list with other values in place of its items as they are written; null leaves one out.</summary>
    public static string Map(string list, Func<JsonElement, string?> map)
    {
        using var document = JsonDocument.Parse(list);
        var items = document.RootElement.EnumerateArray().Select(map).OfType<string>().ToList();
        return Write(json =>
        {
            json.WriteStartArray();
            items.ForEach(json.WriteStringValue);
            json.WriteEndArray();
        });
    }

    /// <summary>JSON as text, letters as they are.</summary>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Readable))
            write(json);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static List<string>? Items(string value, Func<JsonElement, string?> textOf)
    {
        if (!value.AsSpan().TrimStart().StartsWith('['))
            return null;
        try
        {
            using var document = JsonDocument.Parse(value);
            var items = document.RootElement.EnumerateArray().Select(textOf).ToList();
            return items.Contains(null) ? null : [.. items.OfType<string>()];
        }
        // Half a character is told only when the text is asked for, and then as an invalid operation.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
