using System.Text.Json;
using Parquet.Serialization;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Conversations in Parquet, as data sets on the hub have them, are learned as those in JSON lines.</summary>
public sealed class ParquetConversationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Messages_and_what_ShareGPT_has_train_the_same_model_from_both()
    {
        Chat[] chats = [.. Enumerable.Range(0, 4).Select(i => new Chat
        {
            source = "x", messages = [new() { role = "user", content = $"Say {i}." }, new() { role = "assistant", content = $" {i}" }],
        })];
        Shared[] shared = [.. chats.Select(chat => new Shared
        {
            conversations = [.. chat.messages!.Select(turn => new SharedTurn { from = turn.role == "user" ? "human" : "gpt", value = turn.content })],
        })];
        var lines = Adapter(_folder.Write("chats.jsonl", string.Concat(chats.Select(chat => JsonSerializer.Serialize(chat) + "\n"))));
        var folder = Directory.CreateDirectory(_folder.File("set/data")).Parent!;
        await ParquetSerializer.SerializeAsync(chats, _folder.File("chats.parquet"));
        await ParquetSerializer.SerializeAsync(shared, Path.Combine(folder.FullName, "data/train-00000-of-00001.parquet"));
        await ParquetSerializer.SerializeAsync(shared, Path.Combine(folder.FullName, "data/test-00000-of-00001.parquet"));

        Assert.Equal(lines, Adapter(_folder.File("chats.parquet")));
        Assert.Equal(lines, Adapter(folder.FullName, "--test", folder.FullName));
        // What pyarrow and datasets write of Sequence({"from": …, "value": …}).
        Sequences[] sequences = [.. shared.Select(chat => new Sequences
        {
            conversations = new() { from = [.. chat.conversations!.Select(turn => turn.from!)], value = [.. chat.conversations!.Select(turn => turn.value!)] },
        })];
        await ParquetSerializer.SerializeAsync(sequences, _folder.File("sequences.parquet"));
        Assert.Equal(lines, Adapter(_folder.File("sequences.parquet")));
        sequences[1].conversations!.value!.RemoveAt(1);
        await ParquetSerializer.SerializeAsync(sequences, _folder.File("sequences.parquet"));
        Tool.Run("train", _folder.File("sequences.parquet"), "--task", "generate").Failed("Row 2", "'conversations.value' is a list of 1", "'from'");
        chats[2].messages![1].role = "judge";
        await ParquetSerializer.SerializeAsync(chats, _folder.File("chats.parquet"));
        Tool.Run("train", _folder.File("chats.parquet"), "--task", "generate").Failed("Row 3", "messages[1].role", "'judge'");

        string Adapter(string file, params string[] args)
        {
            Tool.Run([
                "train", file, "--task", "generate", "--template", "{instruction}", "--epochs", "1", "--output", _folder.File("m.zip"), .. args]).Succeeded();
            Tool.Run("export", _folder.File("m.zip"), "--output", _folder.File("adapter")).Succeeded();
            return Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_folder.File("adapter"), "adapter_model.safetensors")));
        }
    }

#pragma warning disable IDE1006, SA1300 // As the files have them.
    private sealed class Chat
    {
        public string? source { get; set; }

        public List<Turn>? messages { get; set; }
    }

    private sealed class Turn
    {
        public string? role { get; set; }

        public string? content { get; set; }
    }

    private sealed class Shared
    {
        public List<SharedTurn>? conversations { get; set; }
    }

    private sealed class Sequences
    {
        public Lists? conversations { get; set; }
    }

    private sealed class Lists
    {
        public List<string>? from { get; set; }

        public List<string>? value { get; set; }
    }

    private sealed class SharedTurn
    {
        public string? from { get; set; }

        public string? value { get; set; }
    }
#pragma warning restore IDE1006, SA1300
}
