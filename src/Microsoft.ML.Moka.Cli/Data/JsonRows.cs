using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>JSON objects as rows: an array of them, or one a line. Values that are no text are taken as they are written.</summary>
internal static class JsonRows
{
    private static readonly JsonDocumentOptions s_options = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    public static Table Read(string path, string text)
    {
        var columns = new List<string>();
        var objects = new List<(int Line, Dictionary<string, string?> Values)>();
        var isArray = text.AsSpan().TrimStart() is ['[', ..];
        if (isArray)
            ReadArray(path, text, Add);
        else
            ReadLines(path, text, Add);
        var rows = objects.Select(row => new TableRow(row.Line, [.. columns.Select(column => row.Values.GetValueOrDefault(column))])).ToList();
        return new Table(path, columns, rows, new TableFormat(null, !isArray));

        void Add(int line, JsonElement element, string place)
        {
            if (element.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{path}, {place}: a row should be a JSON object such as {{\"text\": \"…\", \"label\": \"…\"}}; this is {Kind(element)}.");
            var values = new Dictionary<string, string?>(StringComparer.Ordinal);
            foreach (var property in element.EnumerateObject())
            {
                if (!columns.Contains(property.Name))
                    columns.Add(property.Name);
                values.Add(property.Name, property.Value.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => property.Value.GetString(),
                    _ => property.Value.GetRawText(),
                });
            }
            objects.Add((line, values));
        }
    }

    private static void ReadArray(string path, string text, Action<int, JsonElement, string> add)
    {
        try
        {
            using var document = JsonDocument.Parse(text, s_options);
            var number = 0;
            foreach (var element in document.RootElement.EnumerateArray())
                add(++number, element, $"row {number}");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}, line {error.LineNumber + 1}: this is no JSON. {error.Message}", error);
        }
    }

    private static void ReadLines(string path, string text, Action<int, JsonElement, string> add)
    {
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                using var document = JsonDocument.Parse(line, s_options);
                add(number, document.RootElement, $"line {number}");
            }
            catch (JsonException error)
            {
                throw new InvalidDataException($"{path}, line {number}: this is no JSON; a file holds an array of objects, or one object a line. {error.Message}", error);
            }
        }
    }

    private static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        _ => element.GetRawText(),
    };
}
