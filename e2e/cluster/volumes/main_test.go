package main

import (
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provision makes a volume in a new root and returns both.
func provision(t *testing.T) (folders, *v1.PersistentVolume) {
	t.Helper()
	provisioner := folders{t.TempDir()}
	policy := v1.PersistentVolumeReclaimDelete
	volume, _, err := provisioner.Provision(t.Context(), controller.ProvisionOptions{
		PVName:       "pvc-1",
		PVC:          &v1.PersistentVolumeClaim{},
		StorageClass: &storage.StorageClass{ReclaimPolicy: &policy},
	})
	if err != nil {
		t.Fatal(err)
	}
	return provisioner, volume
}

func TestEverybodyMayWriteIntoAVolume(t *testing.T) {
	_, volume := provision(t)
	info, err := os.Stat(volume.Spec.HostPath.Path)
	if err != nil || info.Mode().Perm() != 0o777 {
		t.Fatalf("got %v, %v", info, err)
	}
}

func TestDeletedVolumeTakesItsFolderAlong(t *testing.T) {
	provisioner, volume := provision(t)
	if err := provisioner.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(volume.Spec.HostPath.Path); !os.IsNotExist(err) {
		t.Fatalf("the folder is still there: %v", err)
	}
}

func TestFolderThatIsNoVolumeOfOursIsNeverDeleted(t *testing.T) {
	provisioner, volume := provision(t)
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.Mkdir(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{precious, provisioner.root, provisioner.root + "/..", ""} {
		volume.Spec.HostPath.Path = path
		if err := provisioner.Delete(t.Context(), volume); err == nil {
			t.Errorf("%q was deleted", path)
		}
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatal(err)
	}
}
