using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.Moka.Files;

/// <summary>The fields of a JSON object, each checked as it is read; errors name the source, the field, what is allowed and what was found.</summary>
internal sealed class JsonFields(JsonElement element, string source, string path = "")
{
    /// <summary>Runs <paramref name="read"/> on the object that a file holds.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="source">What errors call the file.</param>
    /// <param name="read">Makes something of the fields.</param>
    public static T Parse<T>(ReadOnlyMemory<byte> json, string source, Func<JsonFields, T> read)
    {
        try
        {
            // A byte order mark is no JSON, but some editors write one.
            var bytes = json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{source} holds no JSON object.");
            return read(new JsonFields(document.RootElement, source));
        }
        // Half a character, as bytes or as an escape, is told only when the text is asked for, and then as an invalid operation.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{source} is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>The names of all fields, in the order of the file.</summary>
    public IEnumerable<string> Names => element.EnumerateObject().Select(member => member.Name);

    /// <summary>Whether the field is there, if only as null.</summary>
    public bool Contains(string name) => element.TryGetProperty(name, out _);

    /// <summary>Whether the field is there and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>Refuses every field that is set and not known.</summary>
    /// <exception cref="InvalidDataException">There is one.</exception>
    public void RefuseOthers(params ReadOnlySpan<string> known)
    {
        foreach (var name in Names)
        {
            if (Has(name) && !known.Contains(name))
                throw Error(name, $"is not known here, and could change the result; known are {string.Join(", ", known.ToArray())}");
        }
    }

    public InvalidDataException Error(string name, string problem) => new($"{source}: the field '{path}{name}' {problem}.");

    public int Integer(string name, int least, int most, int? missing = null)
    {
        if (Find(name) is not { } value)
            return missing ?? throw Error(name, "is missing");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most
            ? number
            : throw Error(name, $"must be a whole number from {least} to {most}; found {Shown(value)}");
    }

    public double Number(string name, double least, double most, double? missing = null)
    {
        if (Find(name) is not { } value)
            return missing ?? throw Error(name, "is missing");
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= least && number <= most
            ? number
            : throw Error(name, string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}; found {Shown(value)}"));
    }

    public bool Boolean(string name, bool missing) => Find(name) switch
    {
        null => missing,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Error(name, $"must be true or false; found {Shown(value)}"),
    };

    public string Text(string name, string? missing = null) => Find(name) switch
    {
        null => missing ?? throw Error(name, "is missing"),
        { } value => TextOf(name, value),
    };

    public string? OptionalText(string name) => Find(name) is { } value ? TextOf(name, value) : null;

    /// <summary>A number, a truth value or a text, as text: data sets write their labels in all three ways.</summary>
    public string Label(string name) => Find(name) switch
    {
        null => throw Error(name, "is missing"),
        { ValueKind: JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } value => value.GetRawText(),
        { } value => TextOf(name, value).Trim(),
    };

    /// <summary>A text that is more than blanks.</summary>
    public string NonBlank(string name)
    {
        var text = Text(name);
        return string.IsNullOrWhiteSpace(text) ? throw Error(name, "is empty") : text;
    }

    /// <summary>Whole numbers that are not negative: one, several, or none where the field is missing.</summary>
    public IReadOnlyList<int> Integers(string name) => Find(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => Natural(name, item))],
        { } value => [Natural(name, value)],
    };

    /// <summary>A list of numbers; none where the field is missing.</summary>
    public IEnumerable<double> NumberList(string name, double least, double most) => Items(name).Select(item =>
        item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out var number) && number >= least && number <= most
            ? number
            : throw Error(name, string.Create(CultureInfo.InvariantCulture, $"must hold numbers from {least} to {most}; found {Shown(item)}")));

    /// <summary>Lists of <paramref name="length"/> whole numbers each.</summary>
    public IReadOnlyList<int[]> IntegerLists(string name, int length) => Find(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } lists => [.. lists.EnumerateArray().Select(
            list => list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == length
                ? list.EnumerateArray().Select(item => Natural(name, item)).ToArray()
                : throw Error(name, $"must hold lists of {length} whole numbers; found {Shown(list)}"))],
        { } value => throw Error(name, $"must be a list; found {Shown(value)}"),
    };

    public IReadOnlyList<string> Texts(string name) => Find(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String
            ? item.GetString()!
            : throw Error(name, $"must hold texts; found {Shown(item)}"))],
        { ValueKind: JsonValueKind.String } value => [value.GetString()!],
        { } value => throw Error(name, $"must be a text or a list of texts; found {Shown(value)}"),
    };

    /// <summary>A list of texts, which has to be there.</summary>
    public string[] TextList(string name) => Find(name) switch
    {
        null => throw Error(name, "is missing"),
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => TextOf(name, item))],
        { } value => throw Error(name, $"must be a list of texts; found {Shown(value)}"),
    };

    /// <summary>Lists of texts; a text by itself counts as a list of one.</summary>
    public IEnumerable<string[]> TextLists(string name) => Items(name).Select((item, index) => item switch
    {
        { ValueKind: JsonValueKind.String } => [item.GetString()!],
        { ValueKind: JsonValueKind.Array } when item.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String) =>
            item.EnumerateArray().Select(part => part.GetString()!).ToArray(),
        _ => throw Error($"{name}[{index}]", $"must be a text or a list of texts; found {Shown(item)}"),
    });

    /// <summary>The names and whole numbers of an object that is used as a table; it has to be there.</summary>
    public IEnumerable<KeyValuePair<string, int>> Table(string name, int least, int most)
    {
        if (Find(name) is not { } value)
            throw Error(name, "is missing");
        if (value.ValueKind != JsonValueKind.Object)
            throw Error(name, $"must be an object; found {Shown(value)}");
        return value.EnumerateObject()
            .Select(member => member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out var number) && number >= least && number <= most
            ? KeyValuePair.Create(member.Name, number)
            : throw Error($"{name}.{member.Name}", $"must be a whole number from {least} to {most}; found {Shown(member.Value)}"));
    }

    /// <summary>The names and numbers of an object that is used as a table, in its order; none where the field is missing.</summary>
    public IEnumerable<KeyValuePair<string, double>> Numbers(string name, double least, double most)
    {
        if (Object(name) is not { } table)
            yield break;
        foreach (var key in table.Names)
            yield return KeyValuePair.Create(key, table.Number(key, least, most));
    }

    /// <summary>The texts of an object that is used as a table: this one.</summary>
    public SortedDictionary<string, string> AllTexts() => new(Names.ToDictionary(name => name, name => Text(name)), StringComparer.Ordinal);

    /// <summary>A list of objects; none where the field is missing.</summary>
    public IEnumerable<JsonFields> Objects(string name) => Items(name).Select((item, index) => item.ValueKind == JsonValueKind.Object
        ? new JsonFields(item, source, $"{path}{name}[{index}].")
        : throw Error($"{name}[{index}]", $"must be an object; found {Shown(item)}"));

    /// <summary>
    /// A list of objects, or an object of lists that have one entry for each, as Hugging Face's datasets stores a <c>Sequence</c> of several fields; none where
    /// the field is missing.
    /// </summary>
    public IEnumerable<JsonFields> ObjectsInEitherForm(string name) => IsObject(name) ? Transposed(name) : Objects(name);

    /// <summary>All fields as they are, to be written again.</summary>
    public SortedDictionary<string, object?> Copy()
    {
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var field in element.EnumerateObject())
            fields.Add(field.Name, field.Value.Clone());
        return fields;
    }

    /// <summary>Whether the field is a text.</summary>
    public bool IsText(string name) => Find(name) is { ValueKind: JsonValueKind.String };

    /// <summary>Whether the field says anything: it is there, and neither null, false, "", [] nor {}.</summary>
    public bool IsSet(string name) => Find(name) switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.String } text => text.GetString()!.Length > 0,
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() > 0,
        { ValueKind: JsonValueKind.Object } value => value.EnumerateObject().Any(),
        _ => true,
    };

    /// <summary>Whether the field is a list that begins with an object.</summary>
    public bool HoldsObjects(string name) => Find(name) is { ValueKind: JsonValueKind.Array } list
        && list.EnumerateArray().FirstOrDefault().ValueKind == JsonValueKind.Object;

    /// <summary>Whether the field is a list.</summary>
    public bool IsList(string name) => Find(name) is { ValueKind: JsonValueKind.Array };

    /// <summary>Whether the field is an object.</summary>
    public bool IsObject(string name) => Find(name) is { ValueKind: JsonValueKind.Object };

    /// <summary>A nested object; null where the field is missing.</summary>
    public JsonFields? Object(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new JsonFields(value, source, $"{path}{name}."),
        { } value => throw Error(name, $"must be an object; found {Shown(value)}"),
    };

    private IEnumerable<JsonFields> Transposed(string name)
    {
        var columns = Find(name)!.Value.EnumerateObject().Where(column => column.Value.ValueKind != JsonValueKind.Null).ToList();
        if (columns.Find(column => column.Value.ValueKind != JsonValueKind.Array) is { Value.ValueKind: not JsonValueKind.Undefined } other)
            throw Error($"{name}.{other.Name}", $"must be a list, as an object in the place of a list of objects has them; found {Shown(other.Value)}");
        var count = columns.Count == 0 ? 0 : columns[0].Value.GetArrayLength();
        if (columns.Find(column => column.Value.GetArrayLength() != count) is { Value.ValueKind: JsonValueKind.Array } unequal)
            throw Error(
                $"{name}.{unequal.Name}",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"is a list of {unequal.Value.GetArrayLength()}, and '{columns[0].Name}' beside it one of {count}: which belong together cannot be told"));
        for (var i = 0; i < count; i++)
        {
            var item = columns.ToDictionary(column => column.Name, column => column.Value[i]);
            yield return new JsonFields(JsonElement.Parse(Written(item)), source, $"{path}{name}[{i}].");
        }
    }

    private static ReadOnlySpan<byte> Written(IReadOnlyDictionary<string, JsonElement> item)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var (name, value) in item)
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
            json.WriteEndObject();
        }
        return bytes.WrittenSpan;
    }

    private JsonElement? Find(string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private IEnumerable<JsonElement> Items(string name) => Find(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(),
        { } value => throw Error(name, $"must be a list; found {Shown(value)}"),
    };

    private string TextOf(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Error(name, $"must be a text; found {Shown(value)}");
        try
        {
            return value.GetString()!;
        }
        // Half a character, as bytes or as an escape.
        catch (InvalidOperationException e)
        {
            throw Error(name, $"is no well-formed text: {e.Message.TrimEnd('.')}");
        }
    }

    private int Natural(string name, JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0
        ? number
        : throw Error(name, $"must hold whole numbers that are not negative; found {Shown(value)}");

    private static string Shown(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= 40 ? text : $"{text[..40]}…";
    }
}
