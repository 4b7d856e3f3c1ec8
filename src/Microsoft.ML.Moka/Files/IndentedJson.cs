using System.Buffers;
using System.Collections;
using System.Text.Json;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// JSON as transformers and PEFT write their configurations: fields in ordinal order, indented by two. Values are texts, truth values, numbers, null, JSON
/// that was read, lists and dictionaries of them.
/// </summary>
internal static class IndentedJson
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, IndentSize = 2, NewLine = "\n" };

    public static byte[] Write(SortedDictionary<string, object?> fields)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, Options))
            Write(writer, fields);
        return json.WrittenSpan.ToArray();
    }

    // By hand, for a serializer that looks at types when it runs is not there in trimmed and in ahead-of-time compiled programs.
    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case float number:
                writer.WriteNumberValue(number);
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case decimal number:
                writer.WriteNumberValue(number);
                break;
            case JsonElement element:
                element.WriteTo(writer);
                break;
            case IDictionary fields:
                writer.WriteStartObject();
                foreach (DictionaryEntry field in fields)
                {
                    writer.WritePropertyName((string)field.Key);
                    Write(writer, field.Value);
                }
                writer.WriteEndObject();
                break;
            case IEnumerable items:
                writer.WriteStartArray();
                foreach (var item in items)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                throw new ArgumentException($"{value.GetType()} has no form.", nameof(value));
        }
    }
}
