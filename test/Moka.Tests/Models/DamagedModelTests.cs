using System.IO.Compression;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Moka.Tests.Models;

public sealed class DamagedModelTests : IDisposable
{
    private const int AllocationLimit = 64 << 20;

    private readonly MLContext _context = new();
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;
    private readonly IDataView _train;
    private readonly MokaTransformer _model;

    public DamagedModelTests(TunedModel tuned)
    {
        (_train, _model) = (tuned.Train, tuned.Model);
        _path = _folder.File("model.zip");
        _context.Model.Save(tuned.Model, tuned.Train.Schema, _path);
    }

    public static TheoryData<string, string, string> WrongFields => new()
    {
        { "version", "7", "the field 'version' must be a whole number from 1 to 3; found 7" },
        { "words", """["yes", "yes"]""", "'words' must hold two or more different words" },
        { "words", """["yes", ""]""", "'words' must hold two or more different words" },
        { "words", """["yes", 5]""", "'words' must hold texts" },
        { "template", "\"Nonsense\"", "'template' holds no prompt template" },
        { "max_tokens", "2000000000", "'max_tokens' must be a whole number" },
        { "max_tokens", "\"many\"", "'max_tokens' must be a whole number" },
        { "training", "5", "'training' must be an object" },
        { "training.rows", "-1", "'training.rows' must be a whole number" },
        { "training.learning_rate", "\"fast\"", "'training.learning_rate' must be a number" },
        { "files", """["../../etc/passwd"]""", "'files' has '../../etc/passwd'" },
        { "files", """["adapter_config.json", "adapter_config.json"]""", "'files' has 'adapter_config.json' twice" },
        { "files", """["adapter_config.json", "other"]""", "'sha256.other' is missing" },
        { "sha256", "5", "'sha256' must be an object" },
        { "columns", "null", "'columns' is missing" },
        { "columns.score", "\" \"", "'columns.score' is empty" },
        { "columns.text", "\"\"", "'columns.text' is empty" },
        { "backbone", "[]", "'backbone' must be an object" },
        { "backbone.kind", "\"Elsewhere\"", "'backbone.kind' is 'Elsewhere'; there are Folder, Embedded, Included" },
        { "backbone.quantization", "\"17\"", "'backbone.quantization' is '17'" },
        { "backbone.path", "null", "'backbone.path' is missing" },
        { "backbone.fingerprint", "\"sha256:00\"", "holds another backbone" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(WrongFields))]
    public void AWrongFieldIsNamed(string field, string value, string message)
    {
        EditJson("moka.json", json =>
        {
            var names = field.Split('.');
            var node = names[..^1].Aggregate(json, (n, name) => n[name]!.AsObject());
            node[names[^1]] = JsonNode.Parse(value);
        });

        var error = LoadFails();

        Assert.Contains(message, error, StringComparison.Ordinal);
        if (field != "backbone.fingerprint")
            Assert.Contains("moka.json", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("moka.json")]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("tokenizer.json")]
    public void AMissingEntryIsNamed(string entry)
    {
        Edit(zip => Find(zip, entry).Delete());

        Assert.Contains($"no entry '{entry}'", LoadFails(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("moka.json")]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("tokenizer.json")]
    public void AnEntryThatWasCutIsNamed(string entry)
    {
        Replace(entry, bytes => bytes[..(bytes.Length / 2)]);

        Assert.Contains(entry, LoadFails(), StringComparison.Ordinal);
    }

    [Fact]
    public void AWeightThatWasEditedIsNoticed()
    {
        Replace("adapter_model.safetensors", bytes =>
        {
            bytes[^1] ^= 1;
            return bytes;
        });

        var error = LoadFails();

        Assert.Contains("'adapter_model.safetensors'", error, StringComparison.Ordinal);
        Assert.Contains("changed since it was saved", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{text} is", "{text} 4s")]
    [InlineData("\"max_tokens\": ", "\"max_tokens\": 1")]
    [InlineData("\"own_sha256\": \"", "\"own_sha256\": \"0")]
    public void AManifestThatStillMakesSenseIsNoticed(string part, string instead)
    {
        Replace("moka.json", bytes =>
        {
            var json = System.Text.Encoding.UTF8.GetString(bytes);
            Assert.Contains(part, json, StringComparison.Ordinal);
            return System.Text.Encoding.UTF8.GetBytes(json.Replace(part, instead, StringComparison.Ordinal));
        });

        Assert.Contains("'moka.json' of the model was changed since it was saved", LoadFails(), StringComparison.Ordinal);
    }

    /// <summary>Of earlier versions, whose files go on to be read.</summary>
    [Fact]
    public void AManifestWithoutAHashIsRead()
    {
        EditJson("moka.json", json => json.Remove("own_sha256"));

        (_context.Model.Load(_path, out _) as IDisposable)?.Dispose();
    }

    /// <summary>In a chain in a chain; with whatever somebody else throws meanwhile.</summary>
    [Fact]
    public void TheOutermostMessageHasTheCauseAndOthersExceptionsStayAsTheyAre()
    {
        var inner = _context.Transforms.CopyColumns("Copy", "Text").Fit(_train).Append(_model);
        _context.Model.Save(inner.Append(_context.Transforms.CopyColumns("Other", "Copy").Fit(inner.Transform(_train))), _train.Schema, _path);
        EditJson("moka.json", json => json["version"] = 77);

        var error = Assert.ThrowsAny<Exception>(() => _context.Model.Load(_path, out _));

        Assert.StartsWith("Error during class instantiation: moka.json: the field 'version' must be", error.Message, StringComparison.Ordinal);
        Assert.Equal(error.Message, error.Message.ReplaceLineEndings(" "));
        Assert.Equal("Mine.", Thrown(new InvalidOperationException("Mine.", error)).Message);
        Assert.Equal("Error during class instantiation", Thrown(new InvalidOperationException("Error during class instantiation")).Message);

        static Exception Thrown(Exception exception)
        {
            Action act = () => throw exception;
            return Assert.ThrowsAny<Exception>(act);
        }
    }

    [Fact]
    public void APromptThatWasEditedIsNoticed()
    {
        EditJson("moka.json", json => json["template"] = json["template"]!.GetValue<string>().Replace("is", "was", StringComparison.Ordinal));

        Assert.Contains("The entry 'moka.json' of the model was changed since it was saved", LoadFails(), StringComparison.Ordinal);
    }

    [Fact]
    public void OptionsThatAskForMoreThanIsThereAllocateNothing()
    {
        EditJson("adapter_config.json", json =>
        {
            json["filters"] = 1024;
            json["filter_shapes"] = new JsonArray([.. Enumerable.Range(0, 1024).Select(_ => new JsonArray(1, 1))]);
        });

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("adapter_config.json", LoadFails(), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
    }

    [Fact]
    public void AnEntryThatIsFarTooLongIsRefusedBeforeItIsRead()
    {
        Replace("moka.json", _ => new byte[70 << 20]);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = LoadFails();

        Assert.Contains("'moka.json'", error, StringComparison.Ordinal);
        Assert.Contains("make no sense", error, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
    }

    [Theory]
    [InlineData("adapter_model.safetensors", 300 << 20)]
    [InlineData("adapter_config.json", 20 << 20)]
    [InlineData("tokenizer_config.json", 20 << 20)]
    public void AnEntryThatIsLargerThanTheBackboneLetsItBeIsRefusedUnread(string entry, int bytes)
    {
        // A few hundred kilobytes in the zip.
        Edit(zip =>
        {
            var found = Find(zip, entry);
            var name = found.FullName;
            found.Delete();
            using var stream = zip.CreateEntry(name, CompressionLevel.Fastest).Open();
            for (var left = bytes; left > 0; left -= 1 << 20)
                stream.Write(new byte[1 << 20]);
        });

        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = LoadFails();

        Assert.Contains($"'{entry}'", error, StringComparison.Ordinal);
        Assert.Contains("make no sense", error, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
    }

    [Fact]
    public void AHeaderOfWeightsThatLiesIsRefused()
    {
        Replace("adapter_model.safetensors", bytes =>
        {
            BitConverter.TryWriteBytes(bytes, long.MaxValue / 2);
            return bytes;
        });

        Assert.Contains("adapter_model.safetensors", LoadFails(), StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatWasCutAnywhereIsAnErrorAndNothingElse()
    {
        var whole = File.ReadAllBytes(_path);
        for (var length = 0; length < whole.Length; length += 1 + (whole.Length / 40))
        {
            File.WriteAllBytes(_path, whole[..length]);
            LoadFails();
        }
    }

    [Fact]
    public void BytesThatWereChangedAnywhereAreAnErrorOrChangeNothing()
    {
        var whole = File.ReadAllBytes(_path);
        var random = new Random(1);
        for (var i = 0; i < 60; i++)
        {
            var bytes = (byte[])whole.Clone();
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(_path, bytes);
            try
            {
                (_context.Model.Load(_path, out _) as IDisposable)?.Dispose();
            }
            catch (Exception e) when (e is InvalidOperationException or InvalidDataException or FormatException or IOException
                or ArgumentException or NotSupportedException)
            {
            }
        }
    }

    private string LoadFails()
    {
        var error = Assert.ThrowsAny<Exception>(() => _context.Model.Load(_path, out _));
        Assert.IsNotType<OutOfMemoryException>(error);
        Assert.IsNotType<NullReferenceException>(error);
        // What is shown: the outermost message alone.
        return error.Message;
    }

    private void EditJson(string entry, Action<JsonObject> edit) => Replace(entry, bytes =>
    {
        var json = JsonNode.Parse(bytes)!.AsObject();
        edit(json);
        return System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
    });

    private void Replace(string entry, Func<byte[], byte[]> edit) => Edit(zip =>
    {
        var found = Find(zip, entry);
        byte[] content;
        using (var stream = found.Open())
        using (var memory = new MemoryStream())
        {
            stream.CopyTo(memory);
            content = edit(memory.ToArray());
        }
        var name = found.FullName;
        found.Delete();
        using var target = zip.CreateEntry(name).Open();
        target.Write(content);
    });

    private void Edit(Action<ZipArchive> edit)
    {
        using var zip = ZipFile.Open(_path, ZipArchiveMode.Update);
        edit(zip);
    }

    private static ZipArchiveEntry Find(ZipArchive zip, string entry) => zip.Entries.Single(e => e.Name == entry);
}
