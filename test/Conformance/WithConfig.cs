using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>The files of a folder with another of its files in place of its config.</summary>
internal sealed class WithConfig(string folder, string config) : BackboneFiles
{
    private readonly FolderFiles _folder = new(folder);

    public override string Location => _folder.Location;

    public override bool Contains(string name) => _folder.Contains(Name(name));

    public override byte[] ReadAll(string name) => _folder.ReadAll(Name(name));

    public override FileContent Open(string name) => _folder.Open(Name(name));

    private string Name(string name) => name == LlamaConfigFile.Name ? config : name;
}
