using System.Numerics;
using System.Text.Json;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>JSON as a template's values.</summary>
internal static class JsonValues
{
    /// <param name="element">What is read; numbers with a point or an exponent are floats.</param>
    /// <param name="origin">Who wrote the texts in it.</param>
    public static object? Read(JsonElement element, ushort origin = TracedText.OfTemplate) => element.ValueKind switch
    {
        JsonValueKind.String => new TracedText(element.GetString()!, origin),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => Number(element.GetRawText()),
        JsonValueKind.Array => new PythonList([.. element.EnumerateArray().Select(item => Read(item, origin))]),
        JsonValueKind.Object => Dictionary(element, origin),
        _ => null,
    };

    private static object Number(string text) =>
        text.AsSpan().IndexOfAny(".eE") < 0 && NumberText.ReadInteger(text, 10) is { } integer ? integer : NumberText.ReadFloat(text) ?? double.NaN;

    private static PythonDictionary Dictionary(JsonElement element, ushort origin)
    {
        var dictionary = new PythonDictionary();
        foreach (var field in element.EnumerateObject())
            dictionary.Items[new TracedText(field.Name, origin)] = Read(field.Value, origin);
        return dictionary;
    }
}
