using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>JSON objects as rows: an array of them, or one a line. Values that are no text are taken as they are written.</summary>
internal static class JsonTable
{
    public static Table Read(string path, byte[] content)
    {
        var columns = new List<string>();
        var kinds = new Dictionary<string, ValueKind?>(StringComparer.Ordinal);
        var objects = new List<(int Line, Dictionary<string, string?> Values)>();
        using var stream = new MemoryStream(content);
        foreach (var row in JsonRows.Read(stream, path))
        {
            var values = new Dictionary<string, string?>(StringComparer.Ordinal);
            foreach (var property in row.Element.EnumerateObject())
            {
                if (kinds.TryAdd(property.Name, null))
                    columns.Add(property.Name);
                kinds[property.Name] = Common(kinds[property.Name], KindOf(property.Value));
                values.Add(property.Name, property.Value.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => row.Fields.Text(property.Name),
                    _ => property.Value.GetRawText(),
                });
            }
            objects.Add(((int)row.Line, values));
        }
        var rows = objects.Select(row => new TableRow(row.Line, [.. columns.Select(column => row.Values.GetValueOrDefault(column))])).ToList();
        var isArray = content.AsSpan().TrimStart(" \t\r\n"u8).StartsWith((byte)'[');
        return new Table(path, columns, rows, new TableFormat(null, !isArray)) { Kinds = [.. columns.Select(column => kinds[column] ?? ValueKind.Text)] };
    }

    private static ValueKind? KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True or JsonValueKind.False => ValueKind.Boolean,
        JsonValueKind.Number => long.TryParse(value.GetRawText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? ValueKind.Whole
            : ValueKind.Number,
        JsonValueKind.Array => ValueKind.List,
        _ => ValueKind.Text,
    };

    // Whole and other numbers together are numbers; what else is mixed is read as it is written.
    private static ValueKind? Common(ValueKind? one, ValueKind? other) => (one, other) switch
    {
        (null, _) => other,
        (_, null) => one,
        _ when one == other => one,
        (ValueKind.Whole or ValueKind.Number, ValueKind.Whole or ValueKind.Number) => ValueKind.Number,
        _ => ValueKind.Text,
    };
}
