using System.Text.Encodings.Web;
using System.Text.Json;

namespace EverydayWorld;

/// <summary>Questions about the world as a folder of benchmarks, named and written like LLM-Adapters' files.</summary>
public static class BenchmarkFolder
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes <c>test.json</c> for each form: things that the test asks about.</summary>
    /// <param name="folder">The folder, which gets a subfolder for each form.</param>
    /// <param name="rows">How many questions of each form.</param>
    /// <param name="seed">Which questions.</param>
    public static void Write(string folder, int rows, int seed = 1)
    {
        var questions = new BenchmarkQuestions(new World(), Part.Test);
        foreach (var form in Enum.GetValues<BenchmarkForm>())
        {
            var path = Path.Combine(folder, FolderOf(form), "test.json");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, JsonSerializer.Serialize(questions.Rows(form, rows, seed), Json));
        }
    }

    private static string FolderOf(BenchmarkForm form) => form switch
    {
        BenchmarkForm.SocialIQa => "social_i_qa",
        BenchmarkForm.ArcEasy => "ARC-Easy",
        BenchmarkForm.ArcChallenge => "ARC-Challenge",
        _ => form.ToString().ToLowerInvariant(),
    };
}
