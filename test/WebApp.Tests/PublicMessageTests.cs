using System.Net;
using System.Net.Http.Json;
using WebApp.Hosting;

namespace WebApp.Tests;

/// <summary>Strangers are told what is wrong, not where the files of the machine are.</summary>
public sealed class PublicMessageTests(TunedModels models)
{
    [Theory]
    [InlineData("Could not find file '/srv/secret/model.zip'.", "Could not find file 'model.zip'.")]
    [InlineData("/srv/my secret models/model.zip: damaged", "my secret model.zip: damaged")]
    [InlineData(@"C:\Users\me\model.zip is no zip", "model.zip is no zip")]
    [InlineData(@"Access to \\server\share\a.bin is denied.", "Access to a.bin is denied.")]
    [InlineData("Looked in /a/b/, ~/c/d and ../e/f.", "Looked in …, d and f.")]
    [InlineData("No file at file:///home/me/x.json", "No file at x.json")]
    [InlineData("q_proj/k_proj: the shape is 4 × 8, or 32 / 4", "q_proj/k_proj: the shape is 4 × 8, or 32 / 4")]
    public void PathsAreCutToTheirLastName(string message, string expected) => Assert.Equal(expected, PublicMessage.WithoutFolders(message));

    [Fact]
    public async Task NoAnswerOfTheServiceHasAFolder()
    {
        await using var service = await RunningService.Start(models.First);
        var folder = Path.GetDirectoryName(service.ModelPath)!;
        foreach (var content in (byte[][])["no zip"u8.ToArray(), [], (await File.ReadAllBytesAsync(models.Second))[..^2000]])
        {
            await File.WriteAllBytesAsync(service.ModelPath + ".bad", content);
            service.Replace(service.ModelPath + ".bad");
            await RunningService.Eventually(() => service.Client.GetStringAsync("/ready").Result.Contains("model.zip was refused", StringComparison.Ordinal));
            foreach (var path in (string[])["/ready", "/api/model"])
                HasNoFolder(await service.Client.GetStringAsync(path));
            service.Replace(models.First);
            await RunningService.Eventually(() => !service.Client.GetStringAsync("/ready").Result.Contains("refused", StringComparison.Ordinal));
        }

        using (await service.Client.PostAsJsonAsync("/api/training", new { questions = 64, epochs = 1 }))
            await RunningService.Eventually(() => service.Client.GetStringAsync("/api/training").Result.Contains("\"Finished\"", StringComparison.Ordinal));
        File.Delete(service.ModelPath);
        Directory.CreateDirectory(service.ModelPath);
        using var response = await service.Client.PostAsync("/api/training/deploy", null);
        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        HasNoFolder(await response.Content.ReadAsStringAsync());

        void HasNoFolder(string text)
        {
            Assert.DoesNotContain(folder, text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(Path.GetFileName(folder), text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(AppContext.BaseDirectory, text, StringComparison.OrdinalIgnoreCase);
        }
    }
}
